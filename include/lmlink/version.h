/** @file version.h
 *  Version of the library. CMake reads the three numbers below; they are the only place that states them.
 */
#ifndef LMLINK_VERSION_H
#define LMLINK_VERSION_H

#define LML_VERSION_MAJOR 0
#define LML_VERSION_MINOR 2
#define LML_VERSION_PATCH 0

#endif
