/* Two threads write one number without a lock: what a thread checker has to find. */
#include <pthread.h>

static int number;

static void *work(void *argument)
{
    for (int i = 0; i < 1000; i++)
        number++;
    return argument;
}

int main(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 0;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
