from django.db import migrations

from bookings.migrations import _guards as guards


class Migration(migrations.Migration):
    dependencies = [("bookings", "0001_initial")]
    operations = [
        migrations.RunPython(
            lambda apps, schema_editor: guards.install(schema_editor.connection),
            lambda apps, schema_editor: guards.remove(schema_editor.connection),
        )
    ]
