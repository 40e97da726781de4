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

  @browser
  Scenario: A visitor sees the homepage, the mistake, and the fix
    Given the images "soe", "httpd" and "homepage" of the old release are built and pushed
    When the container "web" is started from "httpd:latest"
    And the container "broken" is started from "homepage:latest"
    Then systemd has brought "web" up without a failed unit
    And the page of "web" answers 200
    And the page of "web" in a browser has the title "A web server in image mode"
    And the page of "web" in a browser shows its os-release
    And systemd has brought "broken" up without a failed unit
    And the pages of "web" and "broken" look different
    When the look of the page of "web" is noted
    And the FROM of "homepage" is changed from "upstream/stock-httpd:latest" to "demolab/httpd:latest"
    And the image "homepage" of the old release is built and pushed as "fix" and "latest"
    And the container "fixed" is started from "homepage:fix"
    Then systemd has brought "fixed" up without a failed unit
    And the page of "fixed" answers 200
    And the page of "fixed" in a browser has the title "Image mode: the operating system as a container image"
    And the page of "fixed" in a browser shows its os-release
    And the pages of "broken" and "fixed" look different
    And the look of the page of "web" is as noted
