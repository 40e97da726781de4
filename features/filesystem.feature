Feature: What an image owns and what a machine owns
  /usr is the image's and read-only. /etc is merged three ways. /var is the machine's, and no image changes it.

  Scenario: Deploying a machine with settings
    Given the image "soe" of the old release is built and pushed
    And the image "settings:latest" is made of "soe:latest" and the files
      | /etc/demolab/untouched   | first edition |
      | /etc/demolab/edited      | first edition |
      | /etc/demolab/both        | first edition |
      | /usr/share/demolab/about | first edition |
    When the machine "server" is deployed from "settings:latest"
    Then "server" has booted "settings:latest"
    And "/usr" is read-only on "server"
    And "/usr/share/demolab/about" on "server" says "first edition"
    And "/etc/demolab/untouched" on "server" says "first edition"

  Scenario: An update merges settings and leaves data alone
    Given the machine "server" as left by "Deploying a machine with settings"
    When "a local edit" is written to "/etc/demolab/edited" on "server"
    And "a local edit" is written to "/etc/demolab/both" on "server"
    And "the machine's own" is written to "/var/lib/demolab-data" on "server"
    And the image "settings:latest" is made of "soe:latest" and the files
      | /etc/demolab/untouched   | second edition |
      | /etc/demolab/edited      | first edition  |
      | /etc/demolab/both        | second edition |
      | /etc/demolab/added       | second edition |
      | /usr/share/demolab/about | second edition |
      | /var/lib/demolab-data    | the image's    |
      | /var/lib/demolab-late    | the image's    |
    And "server" is upgraded and rebooted
    Then "server" has booted "settings:latest"
    And "/usr/share/demolab/about" on "server" says "second edition"
    And "/etc/demolab/untouched" on "server" says "second edition"
    And "/etc/demolab/added" on "server" says "second edition"
    And "/etc/demolab/edited" on "server" says "a local edit"
    And "/etc/demolab/both" on "server" says "a local edit"
    And "/var/lib/demolab-data" on "server" says "the machine's own"
    And there is no "/var/lib/demolab-late" on "server"

  Scenario: A rollback brings the old settings back
    Given the machine "server" as left by "An update merges settings and leaves data alone"
    When "edited after the update" is written to "/etc/demolab/edited" on "server"
    And "written after the update" is written to "/var/lib/demolab-data" on "server"
    And "server" is rolled back and rebooted
    Then "/usr/share/demolab/about" on "server" says "first edition"
    And "/etc/demolab/untouched" on "server" says "first edition"
    And there is no "/etc/demolab/added" on "server"
    And "/etc/demolab/edited" on "server" says "a local edit"
    And "/var/lib/demolab-data" on "server" says "written after the update"
    And "/usr" is read-only on "server"
