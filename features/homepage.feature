Feature: A homepage server
  The web server's image becomes a virtual machine, and its homepage can be read.

  Scenario: Deploying the homepage server
    Given the images "soe" and "httpd" of the old release are built and pushed
    When the machine "homepage" is deployed from "httpd:latest"
    Then "homepage" has booted "httpd:latest"
    And "homepage" runs the old release
    And the os-release of "homepage" matches its snapshot
    And the unit of the web server is active on "homepage"
    And the login user of "homepage" may use sudo
    And the page of "homepage" answers 200
    And the page of "homepage" matches its snapshot
    And the page of "homepage" shows its os-release

  Scenario: Deploying the homepage server of the new release
    Given the images "soe" and "httpd" of the new release are built and pushed
    When the machine "homepage" is deployed from "httpd:latest"
    Then "homepage" has booted "httpd:latest"
    And "homepage" runs the new release
    And the unit of the web server is active on "homepage"
    And the login user of "homepage" may use sudo
    And the page of "homepage" answers 200
    And the page of "homepage" matches its snapshot
    And the page of "homepage" shows its os-release
