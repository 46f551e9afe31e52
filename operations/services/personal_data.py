"""What operations keeps about a user (accounts/personal_data.py): of the staff only."""

from accounts.personal_data import PersonalData

PERSONAL_DATA = PersonalData(
    sections=[],
    left_out={
        "operations.Export": "what an operator exported, deleted after a day or a week",
        "operations.ReportMail": "to whom of the staff a report is mailed",
    },
)
