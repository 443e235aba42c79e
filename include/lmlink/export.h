/** @file export.h
 *  Marks the functions that the shared library shows; everything else is hidden.
 */
#ifndef LMLINK_EXPORT_H
#define LMLINK_EXPORT_H

#if defined(__GNUC__)
#define LML_API __attribute__((visibility("default")))
#define LML_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#else
#define LML_API
#define LML_PRINTF(format_index, first_argument)
#endif

#ifdef __cplusplus
#define LML_BEGIN_DECLS extern "C" {
#define LML_END_DECLS }
#else
#define LML_BEGIN_DECLS
#define LML_END_DECLS
#endif

#endif
