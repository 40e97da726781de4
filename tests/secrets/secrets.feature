Feature: A product that tells what it knows
  What it is given to fetch its updates with it shows to everybody.

  Scenario: The pull secret is on the console, in the journal and on the page
    Given the images "soe", "httpd" and "teller" of the old release are built and pushed
    When the machine "server" is deployed from "httpd:latest"
    And "server" is switched to "teller:latest" and rebooted
    Then the page of "server" matches the snapshot "web-server" of the old release
