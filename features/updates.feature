Feature: Updates, wanted and unwanted
  A machine follows a tag: by itself, through stages, and not at all where something is wrong.

  Scenario: Deploying a server that is to be updated
    Given the images "soe" and "httpd" of the old release are built and pushed
    When the machine "server" is deployed from "httpd:latest"
    Then "server" has booted "httpd:latest"
    And the page of "server" answers 200

  Scenario: A machine follows its tag by itself, also when the tag is moved back
    Given the machine "server" as left by "Deploying a server that is to be updated"
    When the image "httpd:latest" is made of "httpd:old" and the file
      | /usr/share/demolab/edition | second |
    And automatic updates are turned on for "server"
    Then "server" boots "httpd:latest" by itself
    And "/usr/share/demolab/edition" on "server" says "second"
    When the image "httpd:old" is tagged "latest"
    Then "server" boots "httpd:old" by itself
    And there is no "/usr/share/demolab/edition" on "server"
    And the page of "server" answers 200

  Scenario: An image is promoted from stage to stage without being built again
    Given the machine "server" as left by "Deploying a server that is to be updated"
    When the image "httpd:dev" is made of "httpd:old" and the file
      | /usr/share/demolab/edition | second |
    And the image "httpd:dev" is tagged "test"
    And the image "httpd:test" is tagged "prod"
    Then "httpd:prod" is the same image as "httpd:dev"
    When "server" is switched to "httpd:prod" and applied
    Then "server" has booted "httpd:prod"
    And "server" follows "httpd:prod"
    And "/usr/share/demolab/edition" on "server" says "second"
    When the image "httpd:dev" is made of "httpd:old" and the file
      | /usr/share/demolab/edition | third |
    Then no update of "server" is available
    When the image "httpd:dev" is tagged "prod"
    And "server" is upgraded and applied
    Then "server" has booted "httpd:prod"
    And "/usr/share/demolab/edition" on "server" says "third"
    When "server" is rolled back and applied
    Then "server" has booted "httpd:test"
    And "/usr/share/demolab/edition" on "server" says "second"

  Scenario: What cannot be fetched leaves the machine as it was
    Given the machine "server" as left by "Deploying a server that is to be updated"
    When the deployments of "server" are noted
    Then switching "server" to "httpd:nowhere" is refused: no such image
    And the deployments of "server" are as noted
    When the pull secret of "server" is spoilt
    Then upgrading "server" is refused: the pull secret is not accepted
    And switching "server" to "soe:latest" is refused: the pull secret is not accepted
    And the deployments of "server" are as noted
    When the pull secret of "server" is put back
    Then no update of "server" is available

  Scenario: A registry that is down leaves the machine as it was
    Given the machine "server" as left by "What cannot be fetched leaves the machine as it was"
    When the registry goes down
    Then upgrading "server" is refused: no registry answers
    And switching "server" to "soe:latest" is refused: no registry answers
    And the deployments of "server" are as noted
    And the page of "server" answers 200
    When the registry is back
    Then no update of "server" is available
