-- Holds on links are found by the entry that they are about: the id that its
-- connector and anchor give. Other holds have none.
ALTER TABLE hold ADD COLUMN entry BLOB;
CREATE INDEX hold_entry ON hold (entry);
