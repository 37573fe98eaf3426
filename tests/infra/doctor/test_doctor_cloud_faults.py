"""`doctor --cloud` with one fault at a time: it reports exactly that fault, with its remedy."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.infra.doctor.test_doctor_cloud import checks
from tests.support.google.fake import GoogleFake
from tests.support.google.faults import FAULTS
from tests.support.google.gcloud import known_flags


@pytest.mark.parametrize("what", list(FAULTS))
def test_doctor_cloud_reports_one_fault_and_nothing_else(google: GoogleFake, what: str) -> None:
    """One line says where, what is wrong, and which command mends it.

    If gcloud is installed, the command exists there with these flags.
    """
    fault = FAULTS[what]
    fault.plant(google.answers)
    (told,) = [check for check in checks(google) if check.state != "ok"]
    assert told.name == fault.name
    assert fault.said in told.found
    assert fault.remedy in told.remedy
    assert told.state == fault.state
    # Deployed again without them, the speech model would be another one.
    assert ("gcloud builds submit" in told.remedy) == ("_WHISPER_" in told.remedy)
    commands = re.findall(r"gcloud ([^|]+?)(?:   |$)", told.remedy)
    assert commands
    for command in commands if shutil.which("gcloud") else []:
        words = command.split()
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known_flags(words), command


def test_doctor_cloud_reports_all_of_several_faults(google: GoogleFake) -> None:
    """One fault does not hide another."""
    planted = ["secret is empty", "schedule is paused", "service is public", "backup has failed"]
    for what in planted:
        FAULTS[what].plant(google.answers)
    told = [check for check in checks(google) if check.state != "ok"]
    assert {check.name for check in told} == {FAULTS[what].name for what in planted}
