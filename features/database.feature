Feature: A database server through its updates
  The data is the machine's: it outlives every image, a minor update as well as a new release.

  Scenario: Deploying the database server
    Given the images "soe" and "database" of the old release are built and pushed
    When the machine "database" is deployed from "database:latest"
    Then "database" has booted "database:latest"
    And the unit of the database server is active on "database"
    When the database of "database" is filled
    And the data of "database" is noted
    And the version of the database of "database" is noted

  Scenario: A minor update of the database server
    Given the machine "database" as left by "Deploying the database server"
    When the packages of "database" are noted
    And the images "soe" and "database" of the old release are updated and pushed
    And "database" is upgraded and rebooted
    Then "database" has booted "database:update"
    And the packages of "database" have changed
    And the unit of the database server is active on "database"
    And the data of "database" is as noted

  Scenario: The database server comes to the new release
    Given the machine "database" as left by "A minor update of the database server"
    When the database of "database" is dumped
    And the images "soe" and "database" of the new release are built and pushed
    And "database" is upgraded and rebooted
    Then "database" has booted "database:new"
    And "database" runs the new release
    And the unit of the database server is active on "database"
    And the version of the database of "database" has changed
    And the data of "database" is as noted

  Scenario: The database server goes back to the old release
    Given the machine "database" as left by "The database server comes to the new release"
    When the database of "database" may do what the profile declares after a rollback
    And "database" is rolled back and rebooted
    Then "database" runs the old release
    And the database of "database" does what the profile declares after a rollback
    When the dump of "database" is restored
    Then the unit of the database server is active on "database"
    And the data of "database" is as noted
