# Models for spin, and the test that searches them.
TESTS += %D%/models.sh
EXTRA_DIST += %D%/models.sh %D%/takeover.pml %D%/credit.pml
