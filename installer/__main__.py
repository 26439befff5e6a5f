"""python installer demo | test

The code of this one file keeps to what every Python parses, so that an old one can still say what is wrong.
"""

import sys

if sys.version_info < (3, 10):
    sys.stderr.write(
        "dva-plugin needs Python 3.10 or newer, and %s is Python %d.%d; "
        "install a newer one from https://www.python.org and start this again with it, "
        "for example: python3.12 installer demo\n" % (sys.executable, sys.version_info[0], sys.version_info[1])
    )
    sys.exit(1)

from flow import main

sys.exit(main(sys.argv[1:]))
