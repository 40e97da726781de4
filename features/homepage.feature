Feature: A day in the life of a homepage server
  A golden image, a web server built on it, a homepage built on that: deployed as a virtual machine, broken
  by a wrong FROM, rolled back, fixed, updated, and taken to the next release and back.

  @container
  Scenario: Building the golden image and the services
    Given the images "soe", "httpd" and "database" of the old release are built and pushed
    Then "soe:old" is the same image as "soe:latest"
    And "httpd:latest" is built on "soe:latest"
    And "database:latest" is built on "soe:latest"
    And "database:latest" is not built on "httpd:latest"

  Scenario: Deploying the homepage server
    Given the images "soe" and "httpd" of the old release are built and pushed
    When the machine "homepage" is deployed from "httpd:latest"
    Then "homepage" has booted "httpd:latest"
    And "homepage" follows "httpd:latest"
    And "homepage" runs the old release
    And the os-release of "homepage" matches the snapshot of the old release
    And the unit of the web server is active on "homepage"
    And the login user of "homepage" may use sudo
    And the page of "homepage" answers 200
    And the page of "homepage" matches the snapshot "web-server" of the old release
    And the page of "homepage" shows its os-release

  @expected-failure
  Scenario: Switching to a homepage built from the wrong registry yields 404
    Given the machine "homepage" as left by "Deploying the homepage server"
    When the page of "homepage" is noted
    And the image "homepage" of the old release is built and pushed
    Then "homepage:latest" is not built on "httpd:latest"
    When "homepage" is switched to "homepage:latest"
    Then "homepage" has staged "homepage:latest"
    And "homepage" has booted "httpd:latest"
    And the page of "homepage" is as noted
    When "homepage" is rebooted
    Then "homepage" has booted "homepage:latest"
    And "homepage" can go back to "httpd:latest"
    And the unit of the web server is active on "homepage"
    And the page of "homepage" answers 404
    And there is no "/var/www/html" on "homepage"

  @expected-failure
  Scenario: A homepage built on the golden image has no web server
    Given the machine "homepage" as left by "Deploying the homepage server"
    When the FROM of "homepage" is changed from "upstream/stock-httpd:latest" to "demolab/soe:latest"
    And the image "homepage" of the old release is built and pushed
    And "homepage" is switched to "homepage:latest" and rebooted
    Then "homepage" has booted "homepage:latest"
    And there is no unit of the web server on "homepage"
    And nothing listens on the web port of "homepage"

  Scenario: Rollback restores the old homepage
    Given the machine "homepage" as left by "Switching to a homepage built from the wrong registry yields 404"
    When "homepage" is rolled back
    Then "homepage" has a rollback queued
    And the page of "homepage" answers 404
    When "homepage" is rebooted
    Then "homepage" has booted "httpd:latest"
    And "homepage" follows "httpd:latest"
    And "homepage" can go back to "homepage:latest"
    And the page of "homepage" answers 200
    And the page of "homepage" matches the snapshot "web-server" of the old release
    And the page of "homepage" is as noted

  Scenario: Fixing the FROM and switching again
    Given the machine "homepage" as left by "Rollback restores the old homepage"
    When the FROM of "homepage" is changed from "upstream/stock-httpd:latest" to "demolab/httpd:latest"
    And the image "homepage" of the old release is built and pushed as "fix" and "latest"
    Then "homepage:fix" is built on "httpd:latest"
    When "homepage" is switched to "homepage:latest" and rebooted
    Then "homepage" has booted "homepage:fix"
    And "homepage" follows "homepage:latest"
    And "homepage" runs the old release
    And the page of "homepage" answers 200
    And the page of "homepage" matches the snapshot "homepage" of the old release
    And the page of "homepage" shows its os-release

  Scenario: A minor update
    Given the machine "homepage" as left by "Fixing the FROM and switching again"
    When the packages of "homepage" are noted
    Then no update of "homepage" is available
    When the images "soe", "httpd" and "homepage" of the old release are updated and pushed
    Then an update of "homepage" to "homepage:latest" is available
    When "homepage" is upgraded and rebooted
    Then "homepage" has booted "homepage:latest"
    And "homepage" has fetched only the layers of "homepage:update" that "homepage:fix" has not
    And the packages of "homepage" have changed
    And "homepage" runs the old release
    And the page of "homepage" matches the snapshot "homepage" of the old release

  Scenario: Upgrading to the new release
    Given the machine "homepage" as left by "A minor update"
    When "a local edit" is written to "/etc/demolab.conf" on "homepage"
    And "a visitor's data" is written to "/var/lib/demolab" on "homepage"
    And the kernel of "homepage" is noted
    And the images "soe", "httpd" and "homepage" of the new release are built and pushed
    Then "homepage:latest" is built on "httpd:new"
    And "httpd:latest" is built on "soe:new"
    When "homepage" is upgraded and rebooted
    Then "homepage" has booted "homepage:latest"
    And "homepage" runs the new release
    And the os-release of "homepage" matches the snapshot of the new release
    And the kernel of "homepage" has changed
    And the page of "homepage" answers 200
    And the page of "homepage" matches the snapshot "homepage" of the new release
    And the page of "homepage" shows its os-release
    And "/etc/demolab.conf" on "homepage" says "a local edit"
    And "/var/lib/demolab" on "homepage" says "a visitor's data"

  Scenario: Rolling the new release back and forward again
    Given the machine "homepage" as left by "Upgrading to the new release"
    When "left by the new release" is written to "/var/lib/demolab" on "homepage"
    And "homepage" is rolled back and rebooted
    Then "homepage" has booted "homepage:update"
    And "homepage" runs the old release
    And the page of "homepage" matches the snapshot "homepage" of the old release
    And "/var/lib/demolab" on "homepage" says "left by the new release"
    When "left by the old release" is written to "/var/lib/demolab" on "homepage"
    And "homepage" is rolled back and rebooted
    Then "homepage" has booted "homepage:latest"
    And "homepage" runs the new release
    And the page of "homepage" matches the snapshot "homepage" of the new release
    And "/var/lib/demolab" on "homepage" says "left by the old release"

  Scenario: An application update by soft reboot
    Given the machine "homepage" as left by "Rolling the new release back and forward again"
    When the kernel of "homepage" is noted
    And the image "homepage:latest" is made of "homepage:new" and the file
      | /usr/share/www/html/notice.txt | closed on Friday |
    And "homepage" is upgraded and soft-rebooted
    Then "homepage" has booted "homepage:latest"
    And "homepage" can go back to "homepage:new"
    And "/usr/share/www/html/notice.txt" on "homepage" says "closed on Friday"
    And the kernel of "homepage" is as noted
    And the page of "homepage" answers 200
    And "/var/lib/demolab" on "homepage" says "left by the old release"
