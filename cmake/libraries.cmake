# The libraries that lmlink needs. What is missing is named as Debian and conda (channel conda-forge) call it.
function(fail_missing what debian conda)
  message(FATAL_ERROR "lmlink needs ${what}, which was not found. On Debian and Ubuntu: apt install ${debian}; with conda: "
                      "conda install -c conda-forge ${conda}. scripts/setup installs everything on Debian 12. ${ARGN}")
endfunction()

find_package(PkgConfig)
if(NOT PKG_CONFIG_FOUND)
  fail_missing(pkg-config pkg-config pkg-config)
endif()

# require(PREFIX MODULE WHAT DEBIAN CONDA): the target PkgConfig::PREFIX.
macro(require prefix module what debian conda)
  pkg_check_modules(${prefix} IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${prefix}_FOUND)
    fail_missing(${what} ${debian} ${conda})
  endif()
endmacro()

require(CJSON libcjson cJSON libcjson-dev cjson)
require(NETTLE nettle Nettle nettle-dev nettle)
require(YAML yaml-0.1 libyaml libyaml-dev yaml)
require(LAPACKE lapacke LAPACKE liblapacke-dev "liblapacke")
require(OPENBLAS openblas OpenBLAS libopenblas-dev openblas)

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
if(LMLINK_MPI)
  find_package(MPI COMPONENTS C)
  if(NOT MPI_C_FOUND)
    fail_missing(MPI libopenmpi-dev openmpi "Or build without it: -DLMLINK_MPI=OFF (pip install: -C "
                 "cmake.define.LMLINK_MPI=OFF).")
  endif()
endif()
