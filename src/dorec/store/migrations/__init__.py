"""Steps from one shape of the state database to the next, run by alembic when a study is opened."""
