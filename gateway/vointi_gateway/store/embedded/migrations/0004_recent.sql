-- Small commits as they came, one row each, until rows of the other tables are made of them
-- (docs/decisions/0081). What is in it, recent.py says.
CREATE TABLE recent (data BLOB);
