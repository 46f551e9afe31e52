"""Each session with its user, and the refresh token that is next; those that are open are noted."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone


def note_open_sessions(apps, schema_editor):
    from accounts.sessions import SessionStore

    Session = apps.get_model("sessions", "Session")
    User = apps.get_model("accounts", "User")
    UserSession = apps.get_model("accounts", "UserSession")
    decode = SessionStore().decode
    batch = []
    live = Session.objects.filter(expire_date__gt=timezone.now())
    for session in live.iterator(chunk_size=1000):
        data = decode(session.session_data)
        if "_auth_user_id" in data:
            batch.append((session.pk, data))
        if len(batch) == 1000:
            note(User, UserSession, batch)
            batch = []
    note(User, UserSession, batch)


def note(User, UserSession, batch):
    users = set(
        User.objects.filter(pk__in={data["_auth_user_id"] for _key, data in batch})
        .values_list("pk", flat=True)
    )
    UserSession.objects.bulk_create(
        UserSession(session_id=key, user_id=data["_auth_user_id"], refresh_id=newest(data))
        for key, data in batch
        if uuid.UUID(data["_auth_user_id"]) in users
    )


def newest(data):
    """Until now a session's data had its refresh tokens, with when each ends."""
    tokens = data.get("headless_refresh_tokens") or {}
    return max(tokens, key=tokens.get) if tokens else None


class Migration(migrations.Migration):

    dependencies = [
        ('sessions', '0001_initial'),
        ('accounts', '0003_charges_asked_in_vain'),
    ]

    operations = [
        migrations.CreateModel(
            name='UserSession',
            fields=[
                ('session', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='sessions.session')),
                ('refresh_id', models.UUIDField(editable=False, null=True)),
                ('refreshed_id', models.UUIDField(editable=False, null=True)),
                ('refreshed_at', models.DateTimeField(editable=False, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.RunPython(note_open_sessions, migrations.RunPython.noop),
    ]
