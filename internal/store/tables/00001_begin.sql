-- Numbers are BIGINT, all text that is matched or ordered is BLOB. What people
-- search by, who refers to whom and other indexes are chunks: see package
-- sorted. Keys of entries hold their connector's symbol above bit 40.
CREATE TABLE symbol (id INTEGER PRIMARY KEY, name BLOB NOT NULL);
CREATE TABLE counter (id INTEGER PRIMARY KEY, n BIGINT NOT NULL);
CREATE TABLE chunk (kind BIGINT NOT NULL, run BIGINT NOT NULL, lo BLOB NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX chunk_lo ON chunk (kind, run, lo);
CREATE TABLE chunk_run (kind BIGINT NOT NULL, run BIGINT NOT NULL, level BIGINT NOT NULL, recs BIGINT NOT NULL);
CREATE TABLE connector (
 sym INTEGER PRIMARY KEY,
 next_key BIGINT NOT NULL,
 next_made BIGINT NOT NULL,
 released BIGINT NOT NULL,
 folded BIGINT NOT NULL,
 decide_all BIGINT NOT NULL,
 mark BLOB NOT NULL);
CREATE TABLE import (
 no INTEGER PRIMARY KEY,
 conn BIGINT NOT NULL,
 state BIGINT NOT NULL,
 is_full BIGINT NOT NULL,
 started BIGINT NOT NULL,
 first_key BIGINT NOT NULL,
 sent_no BIGINT NOT NULL,
 mark BLOB NOT NULL,
 stats BLOB NOT NULL);
CREATE INDEX import_conn ON import (conn, no);
CREATE TABLE entry (key INTEGER PRIMARY KEY, body BLOB NOT NULL, version BIGINT NOT NULL DEFAULT 1);
CREATE TABLE staged (key INTEGER PRIMARY KEY, import_no BIGINT NOT NULL, op BIGINT NOT NULL, body BLOB NOT NULL);
CREATE TABLE entry_new (key INTEGER PRIMARY KEY, body BLOB NOT NULL, version BIGINT NOT NULL);
CREATE TABLE object (key INTEGER PRIMARY KEY, body BLOB NOT NULL, version BIGINT NOT NULL DEFAULT 1);
CREATE TABLE object_new (key INTEGER PRIMARY KEY, body BLOB NOT NULL, version BIGINT NOT NULL);
CREATE TABLE plan (
 no INTEGER PRIMARY KEY,
 state BIGINT NOT NULL,
 started BIGINT NOT NULL,
 ended BIGINT NOT NULL,
 accepted BIGINT NOT NULL,
 units BIGINT NOT NULL,
 hash BLOB NOT NULL,
 body BLOB NOT NULL);
CREATE TABLE plan_chunk (plan BIGINT NOT NULL, no BIGINT NOT NULL, hashes BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (plan, no));
CREATE TABLE unit (plan BIGINT NOT NULL, object BLOB NOT NULL, chunk BIGINT NOT NULL, pos BIGINT NOT NULL, state BIGINT NOT NULL, note BLOB NOT NULL, PRIMARY KEY (plan, object));
CREATE TABLE todo (
 key INTEGER PRIMARY KEY,
 conn BIGINT NOT NULL,
 state BIGINT NOT NULL,
 sent_no BIGINT NOT NULL,
 plan BIGINT NOT NULL,
 chunk BIGINT NOT NULL,
 pos BIGINT NOT NULL,
 body BLOB);
CREATE INDEX todo_state ON todo (conn, state, key);
CREATE TABLE hold (id INTEGER PRIMARY KEY, object BLOB NOT NULL, until_at BIGINT NOT NULL, body BLOB NOT NULL);
CREATE INDEX hold_object ON hold (object);
CREATE TABLE approval (object BLOB NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (object, hash));
CREATE TABLE waiting (object BLOB NOT NULL PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE queue (entry BIGINT NOT NULL PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE run (no INTEGER PRIMARY KEY, started BIGINT NOT NULL, ended BIGINT NOT NULL, state BIGINT NOT NULL, body BLOB NOT NULL);
CREATE TABLE run_error (run BIGINT NOT NULL, no BIGINT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (run, no));
CREATE TABLE setting (name BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL);
