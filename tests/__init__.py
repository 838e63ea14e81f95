"""The tests. A package, as installed libraries bring one of this name, which would come first otherwise."""
