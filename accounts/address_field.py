"""The field of an e-mail address in the body of an API call."""

from typing import Any

from rest_framework import serializers

from accounts.email_addresses import LONGEST_EMAIL, fold_email


class AddressField(serializers.EmailField):
    """An e-mail address in any spelling that the pages take as well."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_EMAIL, **kwargs)

    def run_validators(self, value: Any) -> None:
        # REST framework's check refuses full-width letters, which the service folds to ASCII.
        super().run_validators(fold_email(value))

    def to_internal_value(self, data: Any) -> str:
        return fold_email(super().to_internal_value(data))
