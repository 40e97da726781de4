Feature: Wrong product, red run
  Each scenario but the first breaks the product on purpose and has to fail, at a step and for a reason that
  tests/red.rs knows. All of them start from one deployed disk. What is tagged @nightly fails by a kind of step that
  another scenario here fails by as well.

  Scenario: Deploying the server that is to be broken
    Given the images "soe" and "httpd" of the old release are built and pushed
    When the machine "server" is deployed from "httpd:latest"
    Then "server" has booted "httpd:latest"
    And the page of "server" answers 200

  Scenario: The fixed homepage is still wrong
    Given the machine "server" as left by "Deploying the server that is to be broken"
    When the FROM of "homepage" is changed from "upstream/stock-httpd:latest" to "upstream/stock-httpd:12"
    And the image "homepage" of the old release is built and pushed as "fix" and "latest"
    And "server" is switched to "homepage:latest" and rebooted
    Then "server" has booted "homepage:latest"
    And the page of "server" answers 200

  @nightly
  Scenario: The web server is disabled in an update
    Given the machine "server" as left by "Deploying the server that is to be broken"
    When the image "unserved" of the old release is built and pushed
    And "server" is switched to "unserved:latest" and rebooted
    Then "server" has booted "unserved:latest"
    And the unit of the web server is active on "server"

  Scenario: What is in /var is lost
    Given the machine "server" as left by "Deploying the server that is to be broken"
    When the image "forgetful:latest" is made of "httpd:latest" and the file
      | /usr/lib/tmpfiles.d/forgetful.conf | D! /var/lib 0755 root root |
    And "server" is switched to "forgetful:latest" and rebooted
    Then "server" has booted "forgetful:latest"

  @nightly
  Scenario: One folder of data is lost
    Given the machine "server" as left by "Deploying the server that is to be broken"
    When "a visitor's data" is written to "/var/lib/demolab" on "server"
    And the image "forgetful:latest" is made of "httpd:latest" and the file
      | /usr/lib/tmpfiles.d/forgetful.conf | R! /var/lib/demolab |
    And "server" is switched to "forgetful:latest" and rebooted
    Then "server" has booted "forgetful:latest"
    And "/var/lib/demolab" on "server" says "a visitor's data"

  Scenario: An update silently does nothing
    Given the machine "server" as left by "Deploying the server that is to be broken"
    When the image "idle-client" of the old release is built and pushed
    And "server" is switched to "idle-client:latest" and rebooted
    And the image "idle-client:latest" is made of "idle-client:old" and the file
      | /usr/share/demolab/edition | second |
    And "server" is upgraded and rebooted
    Then "server" has booted "idle-client:latest"

  Scenario: A rollback boots the wrong deployment
    Given the machine "server" as left by "Deploying the server that is to be broken"
    When the image "no-way-back" of the old release is built and pushed
    And "server" is switched to "no-way-back:latest" and rebooted
    And "server" is rolled back and rebooted
    Then "server" has booted "httpd:latest"

  Scenario: A unit newly fails
    Given the machine "server" as left by "Deploying the server that is to be broken"
    When the image "sync:latest" is made of "httpd:latest" and the files
      | /usr/lib/systemd/system/demolab-sync.service                  | [Service]\nType=oneshot\nExecStart=/usr/bin/false |
      | /usr/lib/systemd/system/multi-user.target.d/demolab-sync.conf | [Unit]\nWants=demolab-sync.service                |
    And "server" is switched to "sync:latest" and rebooted
    Then "server" has booted "sync:latest"
