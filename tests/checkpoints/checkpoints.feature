Feature: Several scenarios that start from one
  Each goes on from its memory; one that is to see a boot says so.

  Scenario: Deploying a server for several
    Given the images "soe" and "httpd" of the old release are built and pushed
    When the machine "server" is deployed from "httpd:latest"
    And "a note" is written to "/run/in-memory" on "server"

  Scenario: It goes on
    Given the machine "server" as left by "Deploying a server for several"
    Then "/run/in-memory" on "server" says "a note"
    And the page of "server" answers 200

  @boot
  Scenario: It boots
    Given the machine "server" as left by "Deploying a server for several"
    Then there is no "/run/in-memory" on "server"
    And "server" has booted "httpd:latest"
    And the page of "server" answers 200
