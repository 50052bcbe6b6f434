-- What objects of Gramps Desktop refer to and Gramps Web does not have yet; it is added to them when it is there.
--
-- `attribute` is empty where the object itself refers, else a JSON list: type, word and value of its attribute.

CREATE TABLE pending_references (
    handle    TEXT NOT NULL,
    record    TEXT NOT NULL CHECK (record IN ('citation', 'note', 'tag')),
    target    ANY  NOT NULL,
    attribute TEXT NOT NULL,
    PRIMARY KEY (handle, record, target, attribute)
) STRICT;
