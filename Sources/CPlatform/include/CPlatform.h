/* The few operating system calls that Swift's Glibc overlay does not show. */
#ifndef CPLATFORM_H
#define CPLATFORM_H
#endif
