"""The intermediate representation: graphs, their text form, verification, operation facts."""
