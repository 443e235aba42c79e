/** @file memory_peer.h
 *  Somebody at the other end of a socket, who exists behind the seam alone, says what the input has for him, and hears
 *  nothing. Time passes by what is called.
 */
#ifndef LML_TESTS_FUZZ_MEMORY_PEER_H
#define LML_TESTS_FUZZ_MEMORY_PEER_H

#include <stddef.h>
#include <stdint.h>

/** How the peers behave. */
typedef struct memory_peer_manners {
  size_t read_step; /**< at most so many bytes arrive at once; 0: all */
  size_t send_step; /**< at most so many are taken at once; 0: all */
  int stays;        /**< behind its bytes a peer stays silent; 0: it hangs up */
} memory_peer_manners;

/** Put sockets on top of the seam as it is. Each connection that is made or accepted is another peer, of a few. Before
 * the bytes of each stands their number, two bytes, the lower first; where the input ends nobody comes any more, and
 * what lacks is not said. */
void memory_peer_begin(const uint8_t *data, size_t size, memory_peer_manners how);

/** Whether all was said, and nobody comes any more. */
int memory_peer_is_over(void);

/** Ends the program where a socket is still open, and puts the seam back. */
void memory_peer_end(void);

#endif
