# This machine with musl in glibc's place. Debian: musl-tools, which has no C++.
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_CXX_COMPILER NOTFOUND)
