"""One page of HTML of all that runs have found."""
