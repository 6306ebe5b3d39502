-- The changes of an import that brought only a few, until it is released.
ALTER TABLE import ADD COLUMN few BLOB;
