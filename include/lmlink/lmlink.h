/** @file lmlink.h
 *  The whole library.
 */
#ifndef LMLINK_LMLINK_H
#define LMLINK_LMLINK_H

#include "lmlink/calculator.h"
#include "lmlink/error.h"
#include "lmlink/evaluator.h"
#include "lmlink/extxyz.h"
#include "lmlink/potential.h"
#include "lmlink/results.h"
#include "lmlink/structure.h"
#include "lmlink/version.h"
#include "lmlink/virtual_work.h"

#endif
