import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


def move_mails(apps, schema_editor):
    """The mails that wait go on waiting; those in text, reminders, as they were written."""
    mails = apps.get_model("accounts", "OutgoingMail").objects.order_by("pk")
    messages = apps.get_model("accounts", "OutgoingMessage").objects
    for mail in mails.iterator():
        is_text = mail.kind == "MESSAGE"
        messages.create(
            kind="written_before" if is_text else mail.kind.lower(),
            is_urgent=not is_text,
            user_id=mail.user_id,
            recipient=mail.email,
            data={"subject": mail.subject, "body": mail.body} if is_text else {},
            language=mail.language,
            origin=mail.origin,
            created_at=mail.created_at,
            due_at=mail.due_at,
        )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_devices'),
    ]

    operations = [
        migrations.CreateModel(
            name='MutedNotice',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('choice', models.CharField(max_length=40)),
                ('created_at', models.DateTimeField(db_default=models.functions.Now())),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='muted_notices', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='OutgoingMessage',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('MAIL', 'Mail'), ('PUSH', 'Push message')], default='MAIL', max_length=4, verbose_name='channel')),
                ('kind', models.CharField(max_length=40, verbose_name='kind')),
                ('is_urgent', models.BooleanField(default=False, verbose_name='urgent')),
                ('recipient', models.CharField(max_length=254, verbose_name='recipient')),
                ('data', models.JSONField(default=dict, verbose_name='what it tells of')),
                ('language', models.CharField(blank=True, max_length=10, verbose_name='language')),
                ('origin', models.CharField(blank=True, max_length=300)),
                ('message_id', models.UUIDField(default=uuid.uuid4, editable=False, verbose_name='message ID')),
                ('status', models.CharField(choices=[('QUEUED', 'Queued'), ('SENT', 'Sent'), ('FAILED', 'Given up')], default='QUEUED', editable=False, max_length=6, verbose_name='status')),
                ('is_queued', models.GeneratedField(db_persist=True, expression=Q(('status__in', ('QUEUED',))), output_field=models.BooleanField())),
                ('attempts', models.PositiveIntegerField(default=0, editable=False, verbose_name='attempts')),
                ('last_error', models.CharField(blank=True, editable=False, max_length=500, verbose_name='last error')),
                ('created_at', models.DateTimeField(db_default=models.functions.Now(), verbose_name='created')),
                ('due_at', models.DateTimeField(db_default=models.functions.Now(), editable=False, verbose_name='due')),
                ('sent_at', models.DateTimeField(editable=False, null=True, verbose_name='sent')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
                'ordering': ['-id'],
                'permissions': [('resend_message', 'Can send a message again')],
            },
        ),
        migrations.AddConstraint(
            model_name='mutednotice',
            constraint=models.UniqueConstraint(fields=('user', 'choice'), name='accounts_mutednotice_once_per_choice'),
        ),
        migrations.AddIndex(
            model_name='outgoingmessage',
            index=models.Index(condition=Q(('is_queued', True)), fields=['-is_urgent', 'due_at'], name='accounts_message_due'),
        ),
        migrations.AddIndex(
            model_name='outgoingmessage',
            index=models.Index(condition=Q(('is_queued', True)), fields=['recipient', 'is_urgent', 'id'], name='accounts_message_order'),
        ),
        migrations.AddIndex(
            model_name='outgoingmessage',
            index=models.Index(fields=['created_at'], name='accounts_message_age'),
        ),
        migrations.AddConstraint(
            model_name='outgoingmessage',
            constraint=models.CheckConstraint(condition=Q(('channel__in', ['MAIL', 'PUSH'])), name='accounts_outgoingmessage_channel_known'),
        ),
        migrations.AddConstraint(
            model_name='outgoingmessage',
            constraint=models.CheckConstraint(condition=Q(Q(('sent_at__isnull', False), ('status', 'SENT')), Q(('sent_at', None), ('status__in', ['QUEUED', 'FAILED'])), _connector='OR'), name='accounts_outgoingmessage_sent_has_time'),
        ),
        migrations.AddConstraint(
            model_name='outgoingmessage',
            constraint=models.CheckConstraint(condition=Q(Q(('recipient', ''), _negated=True), ('status', 'FAILED'), _connector='OR'), name='accounts_outgoingmessage_has_recipient'),
        ),
        migrations.RunPython(move_mails, migrations.RunPython.noop),
        migrations.DeleteModel(
            name='OutgoingMail',
        ),
    ]
