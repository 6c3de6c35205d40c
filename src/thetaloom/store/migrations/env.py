"""What Alembic runs: the migrations, on the connection that ``upgrade`` opened and commits."""

from alembic import context

from thetaloom.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite can, and a half-done upgrade must leave nothing
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
