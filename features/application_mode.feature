@container
Feature: Images in application mode
  An image is a container too: its services run under systemd without a kernel of their own, so
  that a change of a Containerfile is answered in seconds.

  Scenario: The web server's image serves its page as a container
    Given the images "soe" and "httpd" of the old release are built and pushed
    When the container "web" is started from "httpd:latest"
    Then systemd has brought "web" up without a failed unit
    And "web" runs the old release
    And the unit of the web server is active on "web"
    And the page of "web" answers 200
    And the page of "web" matches the snapshot "web-server" of the old release
    And the page of "web" shows its os-release

  Scenario: The web server's image of the new release serves its page as a container
    Given the images "soe" and "httpd" of the new release are built and pushed
    When the container "web" is started from "httpd:latest"
    Then systemd has brought "web" up without a failed unit
    And "web" runs the new release
    And the unit of the web server is active on "web"
    And the page of "web" answers 200
    And the page of "web" matches the snapshot "web-server" of the new release
    And the page of "web" shows its os-release
