# Writes OUTPUT: what PROGRAM prints for ARGUMENTS (separated by spaces).
separate_arguments(ARGUMENTS)
execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS} OUTPUT_FILE "${OUTPUT}" COMMAND_ERROR_IS_FATAL ANY)
