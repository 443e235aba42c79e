# Installs the library, its headers, the CMake package and the pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lmlink)

install(TARGETS lmlink EXPORT lmlinkTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/lmlink DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# The CMake package. A program that links the static library needs cJSON, Nettle, libyaml and MPI; of the shared one it sees neither.
configure_package_config_file(cmake/lmlinkConfig.cmake.in ${PROJECT_BINARY_DIR}/lmlinkConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lmlinkConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lmlinkConfig.cmake ${PROJECT_BINARY_DIR}/lmlinkConfigVersion.cmake
        DESTINATION ${package_dir})
install(EXPORT lmlinkTargets NAMESPACE lmlink:: DESTINATION ${package_dir})

# The pkg-config file. Its prefix follows from where the file lies, so that an installed tree may be moved.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH up /prefix/${pc_dir} /prefix)
  string(REGEX REPLACE "/$" "" up ${up})
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(kind INCLUDE LIB)
  if(IS_ABSOLUTE ${CMAKE_INSTALL_${kind}DIR})
    set(pc_${kind}dir ${CMAKE_INSTALL_${kind}DIR})
  else()
    set(pc_${kind}dir "\${prefix}/${CMAKE_INSTALL_${kind}DIR}")
  endif()
endforeach()
set(pc_private -lm ${CMAKE_THREAD_LIBS_INIT})
if(LMLINK_MPI)
  list(APPEND pc_private ${MPI_C_LINK_FLAGS} ${MPI_C_LIBRARIES})
endif()
list(JOIN pc_private " " pc_private)
configure_file(cmake/lmlink.pc.in ${PROJECT_BINARY_DIR}/lmlink.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lmlink.pc DESTINATION ${pc_dir})
