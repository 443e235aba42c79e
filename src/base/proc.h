/** @file proc.h
 *  Amounts of memory that Linux tells in /proc.
 */
#ifndef LML_BASE_PROC_H
#define LML_BASE_PROC_H

/** Bytes behind @p key ("MemAvailable:") in @p path, a file of lines like "MemAvailable:  24056 kB"; @p otherwise where
 *  it does not say. */
double lml_proc_bytes(const char *path, const char *key, double otherwise);

#endif
