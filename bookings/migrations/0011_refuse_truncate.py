from django.db import migrations, models

from bookings.migrations import _guards as guards


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0010_set_aside"),
    ]

    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: guards.refuse_truncate(schema_editor.connection),
            lambda apps, schema_editor: guards.allow_truncate(schema_editor.connection),
        ),
        migrations.AddIndex(
            model_name="outboxemail",
            index=models.Index(
                condition=models.Q(("kind", "password_reset")),
                fields=["created_at"],
                name="outbox_password_resets",
            ),
        ),
    ]
