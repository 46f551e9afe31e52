"""The API's answers about a user and the user's money."""

from typing import Any

from rest_framework import serializers

from accounts.app_tokens import TokenPair
from accounts.models import BalanceHistory, DataCopy, User
from concertbook.http.representations import Representation


class TokenPairSerializer(Representation[TokenPair]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class LoggedInSerializer(TokenPairSerializer):
    device = serializers.CharField(
        help_text="Send it as Device-Token with the next log-in: wrong passwords that strangers"
        " try at this account from elsewhere then do not keep this device out."
    )
    deletion_undone = serializers.BooleanField(
        help_text="whether the account was about to be deleted, and this log-in keeps it"
    )


class MeSerializer(Representation[User], serializers.ModelSerializer[User]):
    email = serializers.EmailField(
        allow_null=True,
        help_text="null after the owner of the mailbox proved it: ask for another address",
    )
    email_verified = serializers.BooleanField()

    class Meta:
        model = User
        fields = ("id", "email", "email_verified", "name", "language", "created_at")


class EmailChangesOutput(Representation[Any]):
    email = serializers.EmailField(help_text="where the link was sent")


class DeviceSerializer(Representation[Any]):
    id = serializers.UUIDField(source="public_id")
    client = serializers.CharField(help_text="the browser's name, or app; may be empty")
    system = serializers.CharField(help_text="may be empty")
    network = serializers.CharField(help_text="the beginning of the address; may be empty")
    logged_in_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()
    is_this = serializers.BooleanField(help_text="whether it is the one that asks")


class DevicesOutput(Representation[Any]):
    devices = DeviceSerializer(many=True)


class DataCopySerializer(Representation[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=DataCopy.State.choices)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    kept_until = serializers.DateTimeField(help_text="can be downloaded before this only")


class DataCopiesOutput(Representation[Any]):
    copies = DataCopySerializer(many=True)


class ObstacleSerializer(Representation[Any]):
    code = serializers.CharField()
    detail = serializers.CharField(source="message")


class DeletionTermsOutput(Representation[Any]):
    obstacles = ObstacleSerializer(
        many=True, help_text="why the account cannot be deleted now, the balance apart"
    )
    balance = serializers.IntegerField(
        help_text="won, to be paid out before, or given up by naming it as give_up"
    )
    days_of_grace = serializers.IntegerField()


class DeletionOutput(Representation[Any]):
    closes_at = serializers.DateTimeField(help_text="a log-in before this keeps the account")


class MyBalanceOutput(Representation[Any]):
    amount = serializers.IntegerField(help_text="won")


class ChargesOutput(Representation[BalanceHistory]):
    id = serializers.UUIDField(source="source")
    status = serializers.ChoiceField(choices=BalanceHistory.Status.choices)
    amount = serializers.IntegerField(help_text="won")
    balance = serializers.IntegerField(source="balance_after", help_text="won")
    created_at = serializers.DateTimeField()


class BalanceHistorySerializer(
    Representation[BalanceHistory], serializers.ModelSerializer[BalanceHistory]
):
    class Meta:
        model = BalanceHistory
        fields = (
            "id",
            "seq",
            "type",
            "status",
            "amount",
            "balance_after",
            "reason",
            "source",
            "created_at",
        )
