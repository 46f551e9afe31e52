from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("operations", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="export",
            options={
                "ordering": ["-id"],
                "permissions": [("export_records", "Can take lists and reports away as files")],
                "verbose_name": "export",
                "verbose_name_plural": "exports",
            },
        ),
        migrations.AlterField(
            model_name="export",
            name="error",
            field=models.CharField(
                blank=True,
                choices=[
                    ("NOT_PERMITTED", "The operator may not export these records any more."),
                    ("BROKEN", "The export went wrong. The log of the worker says why."),
                ],
                max_length=13,
                verbose_name="error",
            ),
        ),
    ]
