# Defences that cost next to nothing, in every optimised build: canaries on the stack, checked calls of the C library,
# addresses that are resolved at start and then read-only, programs at random addresses. -DLMLINK_HARDENING=OFF leaves
# them to the compiler's own defaults.
option(LMLINK_HARDENING "Stack protector, _FORTIFY_SOURCE, RELRO with BIND_NOW, and PIE" ON)

# CMake ends the library path of a program in a build tree with an empty entry, which the loader takes for the current
# folder. The path of an installed program has none: libraries outside the system's folders, such as an MPI's, and
# nothing else.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)

if(NOT LMLINK_HARDENING OR LMLINK_SANITIZE OR LMLINK_FUZZ)
  return()
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
add_compile_options(-fstack-protector-strong)
# The checks of _FORTIFY_SOURCE need optimisation; a compiler that sets it by itself has set it to as much or more.
add_compile_options($<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
include(CheckLinkerFlag)
check_linker_flag(C LINKER:-z,relro,-z,now LMLINK_LINKS_NOW)
if(LMLINK_LINKS_NOW)
  add_link_options(LINKER:-z,relro,-z,now)
endif()
