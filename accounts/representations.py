"""The API's answers about a user and the user's money."""

from typing import Any

from rest_framework import serializers

from accounts.app_tokens import TokenPair
from accounts.models import BalanceHistory, User
from concertbook.http.representations import Representation


class TokenPairSerializer(Representation[TokenPair]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class LoggedInSerializer(TokenPairSerializer):
    device = serializers.CharField(
        help_text="Send it as Device-Token with the next log-in: wrong passwords that strangers"
        " try at this account from elsewhere then do not keep this device out."
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
