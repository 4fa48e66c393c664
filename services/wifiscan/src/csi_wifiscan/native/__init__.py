"""What operating systems hand over in binary, parsed from bytes so that tests need none of them."""
