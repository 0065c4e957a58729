# The loader of plugins and the functions they find in libadit.
