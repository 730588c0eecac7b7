// What CMake needs to precompile headers for other targets (keng_precompiled in keng.cmake).
