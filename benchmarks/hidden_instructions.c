// Loaded into a process (LD_PRELOAD), makes it see an x86 processor with AVX2 and without AVX-512, VNNI and AMX.
//
// Linux has CPUID fault (arch_prctl(2), ARCH_SET_CPUID); the handler of the fault runs it and takes away the bits
// (Intel's manual, volume 2, CPUID). Threads and forks inherit that, and the loader brings it back behind exec.
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))

typedef int sigaction_call(int, const struct sigaction *, struct sigaction *);

static sigaction_call *set_action;
static struct sigaction other_faults;  // what the program wants done about them
static int is_hiding;

static int allow_cpuid(int allowed) { return (int)syscall(SYS_arch_prctl, ARCH_SET_CPUID, allowed); }

static void on_fault(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)registers[REG_RIP];
  (void)number;
  if (info->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2) {  // no CPUID: it comes again
    set_action(SIGSEGV, &other_faults, NULL);
    return;
  }
  unsigned leaf = registers[REG_RAX], part = registers[REG_RCX], a, b, c, d;
  allow_cpuid(1);
  __cpuid_count(leaf, part, a, b, c, d);
  allow_cpuid(0);
  if (leaf == 7 && part == 0) {
    a = a ? 1 : 0;
    b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));  // AVX-512 F, DQ, ...
    c &= ~(BIT(1) | BIT(6) | BIT(8) | BIT(11) | BIT(12) | BIT(14));                         // VBMI, GFNI, VNNI, ...
    d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));               // AVX512-FP16, AMX
  } else if (leaf == 7 || leaf == 0x1d || leaf == 0x1e || leaf == 0x24) {  // AVX-VNNI and on; AMX; AVX10
    a = b = c = d = 0;
  }
  registers[REG_RAX] = a, registers[REG_RBX] = b, registers[REG_RCX] = c, registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
}

int sigaction(int number, const struct sigaction *wanted, struct sigaction *before) {
  if (!set_action) set_action = (sigaction_call *)dlsym(RTLD_NEXT, "sigaction");
  if (number != SIGSEGV || !is_hiding) return set_action(number, wanted, before);
  if (before) *before = other_faults;
  if (wanted) other_faults = *wanted;
  return 0;
}

__attribute__((constructor)) static void hide(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  set_action = (sigaction_call *)dlsym(RTLD_NEXT, "sigaction");
  set_action(SIGSEGV, &action, &other_faults);
  is_hiding = allow_cpuid(0) == 0;
}
