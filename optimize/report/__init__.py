"""Models compared in one table, one plot and one page: what they are worth, what they cost, and which classes pay."""
