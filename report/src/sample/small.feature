@lab
Feature: A small <day> & night
  Told in few words.

  Background:
    Given the images are pushed

  @first @web
  Scenario: Deploying
    When the machine "homepage" is deployed from "httpd:latest"
    Then the page of "homepage" answers 200

  Scenario: Breaking
    Given the machine "homepage" as left by "Deploying"
    When "homepage" is switched to "homepage:latest" and rebooted
    Then the page of "homepage" answers 404

  Scenario: Mending
    Given the machine "homepage" as left by "Breaking"
    When "homepage" is rolled back and rebooted
    Then the page of "homepage" answers 200

  Scenario: Going on
    Given the machine "homepage" as left by "Mending"

  Scenario Outline: Writing <file>
    When "<file>" is written
      """
      some <file>
      """
    And with
      | key  | value |
      | name | <file> |

    Examples:
      | file     |
      | /etc/one |
      | /etc/two |

  Rule: What is left
    Scenario: Leaving
      Given the machine "other" as left by "Writing /etc/two"
