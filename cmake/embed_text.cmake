# Writes OUTPUT: a C++ file that defines `const std::string_view NAME` (a qualified name) as the text of INPUT.
file(READ "${INPUT}" text)
string(REGEX REPLACE "^(.*)::([^:]+)$" "\\1;\\2" parts "${NAME}")
list(GET parts 0 space)
list(GET parts 1 name)
file(WRITE "${OUTPUT}"
  "#include <string_view>\n\nnamespace ${space} {\nextern const std::string_view ${name};\nconst std::string_view ${name} = R\"text(${text})text\";\n}\n")
