# What `cmake --install` puts where, and the Debian package that scripts/package makes of it.

include(GNUInstallDirs)

# The default configuration file is where the binary looks, whatever the prefix; what is there stays.
install(CODE "
  set(target \"\$ENV{DESTDIR}/etc/callhook/callhookd.toml\")
  if(NOT EXISTS \"\${target}\")
    file(INSTALL DESTINATION \"/etc/callhook\" TYPE FILE FILES \"${CMAKE_SOURCE_DIR}/config/callhookd.toml\")
  endif()")

# Units name the binary where it was installed.
install(CODE "
  file(GLOB units \"${CMAKE_SOURCE_DIR}/systemd/*.service\" \"${CMAKE_SOURCE_DIR}/systemd/*.socket\")
  foreach(unit IN LISTS units)
    file(READ \"\${unit}\" text)
    string(REPLACE \"/usr/sbin/\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/\" text \"\${text}\")
    string(REPLACE \"/usr/share/\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/\" text \"\${text}\")
    get_filename_component(name \"\${unit}\" NAME)
    file(WRITE \"${CMAKE_BINARY_DIR}/systemd/\${name}\" \"\${text}\")
    file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\" TYPE FILE FILES \"${CMAKE_BINARY_DIR}/systemd/\${name}\")
  endforeach()")
install(DIRECTORY systemd/sysusers.d systemd/tmpfiles.d DESTINATION lib)

install(FILES README.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
install(FILES config/callhookd.toml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
# Beside docs, whose pages name them so.
install(DIRECTORY config/nginx config/caddy config/prometheus config/grafana config/kubernetes DESTINATION ${CMAKE_INSTALL_DOCDIR}/config)

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_NAME callhook)
set(CPACK_PACKAGE_CONTACT "The callhook developers <callhook@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "receiver of CallPage webhooks that loses none")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Makes each webhook durable in PostgreSQL before it answers, joins them into one
record per call, and offers all of it as an ordered feed of CloudEvents.")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Each release of Debian has libraries of its own, so each has a package of its own.
cmake_host_system_information(RESULT debian QUERY DISTRIB_VERSION_ID)
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~deb${debian}")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What no linked library brings: time zones, certificates of authorities, kill(1), and who makes the user.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "tzdata, ca-certificates, procps, default-systemd-sysusers | systemd-sysusers, default-systemd-tmpfiles | systemd-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${CMAKE_SOURCE_DIR}/systemd/debian/postinst" "${CMAKE_SOURCE_DIR}/systemd/debian/prerm"
  "${CMAKE_SOURCE_DIR}/systemd/debian/postrm" "${CMAKE_SOURCE_DIR}/systemd/debian/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
