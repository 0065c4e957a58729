# What is said of the source itself: layers, headers, sizes, exported names, words, manual pages.
