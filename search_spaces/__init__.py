"""Study files. Data, no code: this file only lets an installed package find them."""
