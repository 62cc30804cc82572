"""Generated attacks: odd values, damaged files, impossible arrays and places. Each must be refused in a few
words, or taken for what it is; it may not end in a traceback, pass silently, or lose a file.

A table of counts, over all of them or one family: python -m tests.campaign [params|files|arrays|places|state]
"""
